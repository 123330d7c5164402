package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// partitionsOf gives the partitions of a topic; none while it is not there.
func partitionsOf(ctx context.Context, c *kgo.Client, topic string) ([]int32, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.AllowAutoTopicCreation = false
	row := kmsg.NewMetadataRequestTopic()
	row.Topic = &topic
	request.Topics = append(request.Topics, row)
	response, err := request.RequestWith(ctx, c)
	if err != nil || len(response.Topics) != 1 || response.Topics[0].ErrorCode == kerr.UnknownTopicOrPartition.Code {
		return nil, err
	}
	var partitions []int32
	for _, partition := range response.Topics[0].Partitions {
		partitions = append(partitions, partition.Partition)
	}
	return partitions, nil
}

const (
	written   int8 = 0 // up to the high watermark
	committed int8 = 1 // up to the last stable offset
)

func endsOf(ctx context.Context, c *kgo.Client, topic string, partitions []int32, isolation int8) (map[int32]int64, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID, request.IsolationLevel = -1, isolation
	wanted := kmsg.NewListOffsetsRequestTopic()
	wanted.Topic = topic
	for _, partition := range partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = partition, -1
		wanted.Partitions = append(wanted.Partitions, p)
	}
	request.Topics = append(request.Topics, wanted)
	response, err := request.RequestWith(ctx, c)
	if err != nil {
		return nil, err
	}
	ends := map[int32]int64{}
	for _, partition := range response.Topics[0].Partitions {
		if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
			return nil, fmt.Errorf("end of %s/%d: %w", topic, partition.Partition, err)
		}
		ends[partition.Partition] = partition.Offset
	}
	return ends, nil
}

func sum(ends map[int32]int64) (total int64) {
	for _, end := range ends {
		total += end
	}
	return total
}

// arrival is what `wait` prints. Times are ms since 1970, seen to within the time between two looks.
type arrival struct {
	Reached bool `json:"reached"`
	// When the first record was in the log, committed or not; 0 when none came.
	FirstMs int64 `json:"firstMs"`
	// When the last of all that came was committed.
	LastMs int64 `json:"lastMs"`
}

// wait watches a topic until its committed part has so many offsets and has been still for a while, or until nothing has come for a long time.
// Commit markers take offsets too: how many records there are is for `read` to say.
func wait(ctx context.Context, args []string) (any, error) {
	f := flags("wait")
	broker := f.String("broker", "", "host:port")
	topic := f.String("topic", "", "topic, which is there already")
	records := f.Int64("records", 0, "how many")
	every := f.Duration("every", 10*time.Millisecond, "time between two looks")
	still := f.Duration("still", time.Second, "how long nothing must come once they are there")
	first := f.Duration("first", 90*time.Second, "how long the first record may take")
	stuck := f.Duration("stuck", 30*time.Second, "how long nothing may come before they are there")
	f.Parse(args)
	c, err := client(*broker)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	partitions, err := partitionsOf(ctx, c, *topic)
	if err != nil || len(partitions) == 0 {
		return nil, fmt.Errorf("no topic %s: %w", *topic, err)
	}
	result, before, changed := arrival{}, int64(0), time.Now()
	for next := time.NewTicker(*every); ctx.Err() == nil; <-next.C {
		isolation := committed
		if result.FirstMs == 0 {
			isolation = written
		}
		ends, err := endsOf(ctx, c, *topic, partitions, isolation)
		if err != nil {
			return nil, err
		}
		now := sum(ends)
		if result.FirstMs == 0 && now > 0 {
			result.FirstMs = time.Now().UnixMilli()
			continue
		}
		if now != before {
			before, changed = now, time.Now()
			result.LastMs = changed.UnixMilli()
		}
		quiet := time.Since(changed)
		result.Reached = now >= *records
		patience := *stuck
		if result.FirstMs == 0 {
			patience = *first
		} else if result.Reached {
			patience = *still
		}
		if quiet >= patience {
			return result, nil
		}
	}
	return nil, ctx.Err()
}
