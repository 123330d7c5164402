// franz-mirror copies one topic from one Kafka cluster to another with franz-go: the native yardstick of the replicator's benchmark.
// At least once: the source's offsets are committed (to a group at the source) after the target has acknowledged. Keys, values, headers,
// timestamps and partitions are kept. It ends on SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	bufferedRecords = 200_000
	bufferedBytes   = 64 << 20
	fetchBytes      = 16 << 20
	partitionBytes  = 4 << 20
	batchBytes      = 1_000_000 // below max.message.bytes
)

func main() {
	from := flag.String("from", "", "source broker, host:port")
	to := flag.String("to", "", "target broker, host:port")
	topic := flag.String("topic", "", "topic to copy")
	group := flag.String("group", "franz-mirror", "group at the source that holds the positions")
	codec := flag.String("compression", "lz4", "none, gzip, snappy, lz4 or zstd")
	linger := flag.Duration("linger", 5*time.Millisecond, "how long a batch that is not full waits")
	flag.Parse()
	// Throughput before memory: the heap may grow to five times of what lives.
	debug.SetGCPercent(400)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := mirror(ctx, *from, *to, *topic, *group, *codec, *linger); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func mirror(ctx context.Context, from, to, topic, group, codec string, linger time.Duration) error {
	compression, err := compressionOf(codec)
	if err != nil {
		return err
	}
	pool := &recordPool{}
	source, err := kgo.NewClient(
		kgo.SeedBrokers(from), kgo.ClientID("franz-mirror"),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.AutoCommitMarks(), kgo.AutoCommitInterval(time.Second),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(partitionBytes), kgo.MaxConcurrentFetches(2),
		kgo.WithPools(pool),
	)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := kgo.NewClient(
		kgo.SeedBrokers(to), kgo.ClientID("franz-mirror"),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(compression),
		kgo.ProducerLinger(linger), kgo.ProducerBatchMaxBytes(batchBytes),
		kgo.MaxBufferedRecords(bufferedRecords), kgo.MaxBufferedBytes(bufferedBytes),
	)
	if err != nil {
		return err
	}
	defer target.Close()
	failed := make(chan error, 1)
	fail := func(err error) {
		select {
		case failed <- err:
		default:
		}
	}
	for {
		select {
		case err := <-failed:
			return err
		default:
		}
		fetches := source.PollFetches(ctx)
		if ctx.Err() != nil {
			break
		}
		for _, fault := range fetches.Errors() {
			return fmt.Errorf("reading %s/%d: %w", fault.Topic, fault.Partition, fault.Err)
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) { copyRecords(ctx, source, target, p.Records, fail) })
	}
	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := target.Flush(ending); err != nil {
		return err
	}
	return source.CommitMarkedOffsets(ending)
}

// copyRecords hands over the records of one partition. Acknowledgements of a partition come in order, so the last one stands for all.
func copyRecords(ctx context.Context, source, target *kgo.Client, records []*kgo.Record, fail func(error)) {
	if len(records) == 0 {
		return
	}
	last := records[len(records)-1]
	// Producing overwrites where a record came from.
	position := &kgo.Record{Topic: last.Topic, Partition: last.Partition, Offset: last.Offset, LeaderEpoch: last.LeaderEpoch}
	done := func(record *kgo.Record, err error) {
		if err != nil {
			fail(err)
			return
		}
		record.Recycle()
	}
	for _, record := range records[:len(records)-1] {
		target.Produce(ctx, record, done)
	}
	target.Produce(ctx, last, func(record *kgo.Record, err error) {
		done(record, err)
		if err == nil {
			source.MarkCommitRecords(position)
		}
	})
}

func compressionOf(name string) (kgo.CompressionCodec, error) {
	switch name {
	case "none":
		return kgo.NoCompression(), nil
	case "gzip":
		return kgo.GzipCompression(), nil
	case "snappy":
		return kgo.SnappyCompression(), nil
	case "lz4":
		return kgo.Lz4Compression(), nil
	case "zstd":
		return kgo.ZstdCompression(), nil
	}
	return kgo.NoCompression(), fmt.Errorf("no compression %q", name)
}
