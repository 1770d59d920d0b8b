package main

import (
	"time"

	"github.com/IBM/sarama"
)

type saramaProducer struct{ sync sarama.SyncProducer }

var saramaCodecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

func openSarama(brokers string, s step) (producer, error) {
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Compression = saramaCodecs[s.Codec]
	if s.Level != nil {
		config.Producer.CompressionLevel = *s.Level
	}
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.MaxMessageBytes = 8 << 20
	// What is sent in one step is one batch.
	config.Producer.Flush.Frequency = 200 * time.Millisecond
	config.Producer.Flush.Messages = 1_000_000
	config.Producer.Flush.Bytes = 8 << 20
	if s.Kind != "plain" {
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
	}
	if s.TransactionalID != "" {
		config.Producer.Transaction.ID = s.TransactionalID
		config.Producer.Transaction.Timeout = s.transactionTimeout()
	}
	sync, err := sarama.NewSyncProducer([]string{brokers}, config)
	return &saramaProducer{sync}, err
}

func (p *saramaProducer) send(topic string, partition int32, records []record) ([]int64, error) {
	messages := make([]*sarama.ProducerMessage, 0, len(records))
	for _, one := range records {
		headers, err := one.headers()
		if err != nil {
			return nil, err
		}
		m := &sarama.ProducerMessage{Topic: topic, Partition: partition}
		if one.Key != nil {
			m.Key = sarama.ByteEncoder(one.Key)
		}
		if one.Value != nil {
			m.Value = sarama.ByteEncoder(one.Value)
		}
		if one.Timestamp != nil {
			m.Timestamp = time.UnixMilli(*one.Timestamp)
		}
		for _, h := range headers {
			m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.name), Value: h.value})
		}
		messages = append(messages, m)
	}
	if err := p.sync.SendMessages(messages); err != nil {
		return nil, err
	}
	offsets := make([]int64, 0, len(messages))
	for _, m := range messages {
		offsets = append(offsets, m.Offset)
	}
	return offsets, nil
}

func (p *saramaProducer) begin() error { return p.sync.BeginTxn() }

func (p *saramaProducer) end(commit bool) error {
	if commit {
		return p.sync.CommitTxn()
	}
	return p.sync.AbortTxn()
}

func (p *saramaProducer) close() { _ = p.sync.Close() }
