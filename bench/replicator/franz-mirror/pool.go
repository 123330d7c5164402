package main

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Slices for fewer records are cheaper made than kept: what comes back from a pool is cleared over its whole capacity.
const leastPooledRecords = 64

// recordPool lets fetched records and the bytes they point into be used again once the target has acknowledged them.
type recordPool struct {
	bytes   sync.Pool
	records sync.Pool
}

func (p *recordPool) GetDecompressBytes(compressed []byte, _ kgo.CompressionCodecType) []byte {
	if kept, ok := p.bytes.Get().(*[]byte); ok && cap(*kept) >= len(compressed) {
		return (*kept)[:0]
	}
	return make([]byte, 0, 2*len(compressed))
}

func (p *recordPool) PutDecompressBytes(bytes []byte) { p.bytes.Put(&bytes) }

func (p *recordPool) GetRecords(n int) []kgo.Record {
	if n < leastPooledRecords {
		return make([]kgo.Record, 0, n)
	}
	if kept, ok := p.records.Get().(*[]kgo.Record); ok && cap(*kept) >= n {
		return (*kept)[:0]
	}
	return make([]kgo.Record, 0, n)
}

func (p *recordPool) PutRecords(records []kgo.Record) {
	if cap(records) >= leastPooledRecords {
		p.records.Put(&records)
	}
}
