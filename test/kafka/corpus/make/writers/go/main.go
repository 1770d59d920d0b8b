// Command writers writes with franz-go or sarama. It answers each line of JSON on stdin with one
// line on stdout, in order.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

type record struct {
	Key       []byte               `json:"key"`
	Value     []byte               `json:"value"`
	Headers   [][2]json.RawMessage `json:"headers"`
	Timestamp *int64               `json:"timestamp,string"`
	Times     int                  `json:"times"`
}

type header struct {
	name  string
	value []byte
}

type step struct {
	Do                   string   `json:"do"`
	Producer             string   `json:"producer"`
	Topic                string   `json:"topic"`
	Partition            int32    `json:"partition"`
	Codec                string   `json:"codec"`
	Level                *int     `json:"level"`
	Kind                 string   `json:"kind"`
	TransactionalID      string   `json:"transactionalId"`
	TransactionTimeoutMs int64    `json:"transactionTimeoutMs"`
	Records              []record `json:"records"`
}

type producer interface {
	send(topic string, partition int32, records []record) ([]int64, error)
	begin() error
	end(commit bool) error
	close()
}

type answer struct {
	Offsets []int64 `json:"offsets,omitempty"`
	Error   string  `json:"error,omitempty"`
}

func (r record) headers() ([]header, error) {
	var headers []header
	for _, pair := range r.Headers {
		var one header
		if err := json.Unmarshal(pair[0], &one.name); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(pair[1], &one.value); err != nil {
			return nil, err
		}
		headers = append(headers, one)
	}
	return headers, nil
}

func (s step) expanded() []record {
	var all []record
	for _, one := range s.Records {
		for times := max(one.Times, 1); times > 0; times-- {
			all = append(all, one)
		}
	}
	return all
}

func (s step) transactionTimeout() time.Duration {
	if s.TransactionTimeoutMs > 0 {
		return time.Duration(s.TransactionTimeoutMs) * time.Millisecond
	}
	return 10 * time.Minute
}

func main() {
	open := map[string]func(string, step) (producer, error){"franz-go": openFranz, "sarama": openSarama}[os.Args[1]]
	producers := map[string]producer{}
	take := func(s step) ([]int64, error) {
		one := producers[s.Producer]
		switch s.Do {
		case "open":
			opened, err := open(os.Args[2], s)
			producers[s.Producer] = opened
			return nil, err
		case "begin":
			return nil, one.begin()
		case "commit", "abort":
			return nil, one.end(s.Do == "commit")
		case "send":
			return one.send(s.Topic, s.Partition, s.expanded())
		case "close":
			delete(producers, s.Producer)
			go one.close()
			return nil, nil
		}
		return nil, fmt.Errorf("unknown step %s", s.Do)
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var s step
		var result answer
		if err := json.Unmarshal(in.Bytes(), &s); err != nil {
			result.Error = err.Error()
		} else if offsets, err := take(s); err != nil {
			result.Error = err.Error()
		} else {
			result.Offsets = offsets
		}
		text, _ := json.Marshal(result)
		fmt.Println(string(text))
	}
}
