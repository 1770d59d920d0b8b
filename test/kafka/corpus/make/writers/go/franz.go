package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type franz struct{ client *kgo.Client }

var franzCodecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func openFranz(brokers string, s step) (producer, error) {
	codec := franzCodecs[s.Codec]
	if s.Level != nil {
		codec = codec.WithLevel(*s.Level)
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(brokers),
		kgo.ProducerBatchCompression(codec),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// What is sent in one step is one batch.
		kgo.ProducerLinger(time.Minute),
		kgo.ProducerBatchMaxBytes(8 << 20),
		kgo.MaxBufferedRecords(1_000_000),
	}
	if s.Kind == "plain" {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	if s.TransactionalID != "" {
		options = append(options, kgo.TransactionalID(s.TransactionalID), kgo.TransactionTimeout(s.transactionTimeout()))
	}
	client, err := kgo.NewClient(options...)
	return &franz{client}, err
}

func (f *franz) send(topic string, partition int32, records []record) ([]int64, error) {
	sent := make([]*kgo.Record, 0, len(records))
	var failed error
	// Not kgo.RecordDeliveryTimeout: it counts from the timestamp of the record.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, one := range records {
		headers, err := one.headers()
		if err != nil {
			return nil, err
		}
		r := &kgo.Record{Topic: topic, Partition: partition, Key: one.Key, Value: one.Value}
		if one.Timestamp != nil {
			r.Timestamp = time.UnixMilli(*one.Timestamp)
		}
		for _, h := range headers {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.name, Value: h.value})
		}
		sent = append(sent, r)
		f.client.Produce(ctx, r, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
		})
	}
	if err := f.client.Flush(ctx); err != nil {
		return nil, err
	}
	offsets := make([]int64, 0, len(sent))
	for _, r := range sent {
		offsets = append(offsets, r.Offset)
	}
	return offsets, failed
}

func (f *franz) begin() error { return f.client.BeginTransaction() }

func (f *franz) end(commit bool) error {
	return f.client.EndTransaction(context.Background(), kgo.TransactionEndTry(commit))
}

func (f *franz) close() { f.client.CloseAllowingRebalance() }
