package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	valueBytes   = 150
	firstEvery   = 200 * time.Millisecond
	firstWithin  = 60 * time.Second
	answerWithin = 15 * time.Second
)

// lane is one way for records: from the broker they are written to, to the broker they are read from.
type lane struct {
	name, from, to, topic string
	epoch                 time.Time
	mean                  time.Duration
	count                 int

	mutex sync.Mutex
	// Sent and arrived, by number; negative ones only try whether the way is open.
	sent    map[int64]time.Time
	samples []sample
	opened  chan struct{}
	isOpen  bool
}

type sample struct {
	SentAtMs  int64   `json:"sentAtMs"`
	LatencyMs float64 `json:"ms"`
}

type laneResult struct {
	Samples []sample `json:"samples"`
	// Sent and never read.
	Lost int `json:"lost"`
	// When the first record came through.
	OpenAtMs int64 `json:"openAtMs"`
}

// latency writes records of command size to each lane, at times that are random (uniform from 0.25 to 1.75 of the mean) so that they keep step with
// nothing, and takes the time from just before producing until a read-committed consumer has the record. SIGTERM ends it early.
func latency(ctx context.Context, args []string) (any, error) {
	f := flags("latency")
	spec := f.String("lanes", "", "name=from=to=topic, several with commas; from and to are brokers")
	count := f.Int("count", 300, "records of each lane")
	mean := f.Duration("mean", 40*time.Millisecond, "time between two records of a lane")
	out := f.String("out", "", "file for the result")
	f.Parse(args)
	var lanes []*lane
	for _, text := range strings.Split(*spec, ",") {
		parts := strings.Split(text, "=")
		if len(parts) != 4 {
			return nil, fmt.Errorf("no lane: %q", text)
		}
		lanes = append(lanes, &lane{name: parts[0], from: parts[1], to: parts[2], topic: parts[3], epoch: time.Now(), mean: *mean,
			count: *count, sent: map[int64]time.Time{}, opened: make(chan struct{})})
	}
	results := map[string]laneResult{}
	faults := make([]error, len(lanes))
	var group sync.WaitGroup
	var mutex sync.Mutex
	for i, l := range lanes {
		group.Go(func() {
			result, err := l.run(ctx)
			faults[i] = err
			mutex.Lock()
			defer mutex.Unlock()
			results[l.name] = result
		})
	}
	group.Wait()
	for i, err := range faults {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", lanes[i].name, err)
		}
	}
	text, err := json.Marshal(results)
	if err != nil {
		return nil, err
	}
	return map[string]int{"lanes": len(results)}, os.WriteFile(*out, text, 0o644)
}

func (l *lane) run(stopped context.Context) (laneResult, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reader, err := client(l.to, kgo.ConsumeTopics(l.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMinBytes(1), kgo.FetchMaxWait(500*time.Millisecond))
	if err != nil {
		return laneResult{}, err
	}
	defer reader.Close()
	writer, err := client(l.from, kgo.DefaultProduceTopic(l.topic), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return laneResult{}, err
	}
	defer writer.Close()
	go l.receive(ctx, reader)
	openAtMs, err := l.open(stopped, ctx, writer)
	if err != nil || stopped.Err() != nil {
		return laneResult{}, err
	}
	fault := make(chan error, 1)
	for number := int64(0); number < int64(l.count) && stopped.Err() == nil; number++ {
		pause(stopped, time.Duration((0.25+1.5*rand.Float64())*float64(l.mean)))
		l.send(ctx, writer, number, fault)
	}
	for deadline := time.Now().Add(answerWithin); l.waiting() > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	select {
	case err := <-fault:
		return laneResult{}, err
	default:
	}
	lost := l.waiting()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return laneResult{Samples: append([]sample{}, l.samples...), Lost: lost, OpenAtMs: openAtMs}, nil
}

// open sends until one record has come through: whoever is between may still be starting.
func (l *lane) open(stopped, ctx context.Context, writer *kgo.Client) (int64, error) {
	deadline := time.Now().Add(firstWithin)
	for number := int64(-1); stopped.Err() == nil; number-- {
		l.send(ctx, writer, number, make(chan error, 1))
		select {
		case <-l.opened:
			return time.Now().UnixMilli(), nil
		case <-stopped.Done():
		case <-time.After(firstEvery):
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("no record comes through %s", l.topic)
		}
	}
	return 0, nil
}

func (l *lane) send(ctx context.Context, writer *kgo.Client, number int64, fault chan<- error) {
	value := make([]byte, valueBytes)
	binary.BigEndian.PutUint64(value, uint64(l.epoch.UnixNano()))
	binary.BigEndian.PutUint64(value[8:], uint64(number))
	l.mutex.Lock()
	l.sent[number] = time.Now()
	l.mutex.Unlock()
	writer.Produce(ctx, &kgo.Record{Key: []byte(l.name), Value: value}, func(_ *kgo.Record, err error) {
		if err != nil && ctx.Err() == nil {
			select {
			case fault <- err:
			default:
			}
		}
	})
}

func (l *lane) receive(ctx context.Context, reader *kgo.Client) {
	for {
		fetches := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		now := time.Now()
		fetches.EachRecord(func(record *kgo.Record) { l.arrived(record.Value, now) })
	}
}

func (l *lane) arrived(value []byte, now time.Time) {
	if len(value) != valueBytes || binary.BigEndian.Uint64(value) != uint64(l.epoch.UnixNano()) {
		return
	}
	number := int64(binary.BigEndian.Uint64(value[8:]))
	l.mutex.Lock()
	defer l.mutex.Unlock()
	sentAt, isWaiting := l.sent[number]
	if !isWaiting {
		return
	}
	delete(l.sent, number)
	if !l.isOpen {
		l.isOpen = true
		close(l.opened)
	}
	if number >= 0 {
		l.samples = append(l.samples, sample{SentAtMs: sentAt.UnixMilli(), LatencyMs: float64(now.Sub(sentAt).Microseconds()) / 1000})
	}
}

// waiting counts the numbered records that have not come yet.
func (l *lane) waiting() (count int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for number := range l.sent {
		if number >= 0 {
			count++
		}
	}
	return count
}

func pause(ctx context.Context, duration time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
}
