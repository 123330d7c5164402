package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	nothingForTooLong = 15 * time.Second
	readFetchBytes    = 32 << 20
	readPartition     = 8 << 20
)

// reading is what `read` prints: lost, doubled and reordered against the reference.
type reading struct {
	Records int `json:"records"`
	difference
	// Numbers of 0 to n-1 that no record has, and records beyond the first with one number; only with -sequence.
	Missing  int `json:"missing"`
	Repeated int `json:"repeated"`
}

// read takes in a whole topic as a read-committed reader does.
func read(ctx context.Context, args []string) (any, error) {
	f := flags("read")
	broker := f.String("broker", "", "host:port")
	topic := f.String("topic", "", "topic")
	save := f.String("save", "", "file for what was read")
	reference := f.String("reference", "", "such a file to compare with")
	sequence := f.Int("sequence", 0, "values end in a double (little endian) that numbers them from 0 to this less one")
	f.Parse(args)
	contents := contents{}
	result := reading{}
	numbers := newNumbers(*sequence)
	err := eachRecord(ctx, *broker, *topic, func(record *kgo.Record) {
		if record.Attrs.IsControl() {
			return
		}
		result.Records++
		numbers.add(record.Value)
		contents[record.Partition] = append(contents[record.Partition], entry{Hash: hashOf(record), Ms: record.Timestamp.UnixMilli()})
	})
	if err != nil {
		return nil, err
	}
	result.Missing, result.Repeated = numbers.missing(), numbers.repeated
	if *save != "" {
		if err := contents.save(*save); err != nil {
			return nil, err
		}
	}
	if *reference != "" {
		original, err := load(*reference)
		if err != nil {
			return nil, err
		}
		result.difference = compare(original, contents)
	}
	return result, nil
}

// eachRecord goes through the committed records and the markers of a topic up to its end as it is now, each partition in order.
func eachRecord(ctx context.Context, broker, topic string, visit func(*kgo.Record)) error {
	c, err := client(broker, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxBytes(readFetchBytes), kgo.FetchMaxPartitionBytes(readPartition))
	if err != nil {
		return err
	}
	defer c.Close()
	partitions, err := partitionsOf(ctx, c, topic)
	if err != nil || len(partitions) == 0 {
		return fmt.Errorf("no topic %s: %w", topic, err)
	}
	ends, err := endsOf(ctx, c, topic, partitions, committed)
	if err != nil {
		return err
	}
	starts := map[int32]kgo.Offset{}
	for partition, end := range ends {
		if end > 0 {
			starts[partition] = kgo.NewOffset().AtStart()
		}
	}
	if len(starts) == 0 {
		return nil
	}
	c.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts})
	for open := len(starts); open > 0; {
		polled, cancel := context.WithTimeout(ctx, nothingForTooLong)
		fetches := c.PollFetches(polled)
		cancel()
		if errors.Is(polled.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("the end of %d partitions of %s does not come", open, topic)
		}
		for _, fault := range fetches.Errors() {
			return fmt.Errorf("%s/%d: %w", fault.Topic, fault.Partition, fault.Err)
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			end := ends[p.Partition]
			for _, record := range p.Records {
				if record.Offset >= end {
					return
				}
				visit(record)
				if record.Offset == end-1 {
					open--
				}
			}
		})
	}
	return nil
}
