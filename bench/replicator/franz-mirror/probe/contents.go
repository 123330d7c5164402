package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"os"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// entry stands for one record: a hash over key, value and headers, and its time.
type entry struct {
	Hash uint64
	Ms   int64
}

// contents of a topic by partition, in order.
type contents map[int32][]entry

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func mix(hash uint64, bytes []byte) uint64 {
	length := len(bytes)
	if bytes == nil {
		length = -1 // a tombstone is no empty value
	}
	hash = (hash ^ uint64(int64(length))) * fnvPrime
	for _, b := range bytes {
		hash = (hash ^ uint64(b)) * fnvPrime
	}
	return hash
}

// hashOf is FNV-1a over the parts with their lengths.
func hashOf(record *kgo.Record) uint64 {
	hash := mix(mix(fnvOffset, record.Key), record.Value)
	for _, header := range record.Headers {
		hash = mix(mix(hash, []byte(header.Key)), header.Value)
	}
	return hash
}

func (c contents) save(file string) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	buffered := bufio.NewWriterSize(out, 1<<20)
	for partition, entries := range c {
		head := []int64{int64(partition), int64(len(entries))}
		if err := binary.Write(buffered, binary.LittleEndian, head); err != nil {
			return err
		}
		if err := binary.Write(buffered, binary.LittleEndian, entries); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

func load(file string) (contents, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	buffered := bufio.NewReaderSize(in, 1<<20)
	loaded := contents{}
	for {
		head := make([]int64, 2)
		if err := binary.Read(buffered, binary.LittleEndian, head); err == io.EOF {
			return loaded, nil
		} else if err != nil {
			return nil, err
		}
		entries := make([]entry, head[1])
		if err := binary.Read(buffered, binary.LittleEndian, entries); err != nil {
			return nil, err
		}
		loaded[int32(head[0])] = entries
	}
}

type difference struct {
	// Records of the reference that are not there, in the partition they belong to.
	Lost int `json:"lost"`
	// Records that are there once more than in the reference, strange ones among them.
	Doubled int `json:"doubled"`
	// Partitions that hold the same records in another order.
	Reordered int `json:"reordered"`
}

func compare(original, copied contents) difference {
	result := difference{}
	for partition := range union(original, copied) {
		wanted, found := original[partition], copied[partition]
		if slices.Equal(wanted, found) {
			continue
		}
		counts := make(map[entry]int, len(wanted))
		for _, e := range wanted {
			counts[e]++
		}
		for _, e := range found {
			counts[e]--
		}
		isReordered := true
		for _, count := range counts {
			result.Lost += max(0, count)
			result.Doubled += max(0, -count)
			isReordered = isReordered && count == 0
		}
		if isReordered {
			result.Reordered++
		}
	}
	return result
}

func union(a, b contents) map[int32]bool {
	partitions := map[int32]bool{}
	for partition := range a {
		partitions[partition] = true
	}
	for partition := range b {
		partitions[partition] = true
	}
	return partitions
}

// numbers ticks off the sequence numbers that values end in.
type numbers struct {
	seen     []bool
	distinct int
	repeated int
}

func newNumbers(n int) *numbers { return &numbers{seen: make([]bool, n)} }

func (n *numbers) add(value []byte) {
	if len(n.seen) == 0 || len(value) < 8 {
		return
	}
	number := math.Float64frombits(binary.LittleEndian.Uint64(value[len(value)-8:]))
	if number < 0 || number >= float64(len(n.seen)) || number != math.Trunc(number) {
		return
	}
	if n.seen[int(number)] {
		n.repeated++
		return
	}
	n.seen[int(number)] = true
	n.distinct++
}

func (n *numbers) missing() int { return len(n.seen) - n.distinct }
