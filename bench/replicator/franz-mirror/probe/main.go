// probe is what the replicator's benchmark asks and tells Kafka: topics, ends of logs, contents, latencies. Each command prints one JSON line.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

type command struct {
	about string
	run   func(ctx context.Context, args []string) (any, error)
}

var commands = map[string]command{
	"topics":  {"makes topics", makeTopics},
	"forget":  {"deletes topics and groups by prefix", forget},
	"wait":    {"waits until a topic holds so many records", wait},
	"read":    {"reads a topic to its end and compares it with another reading", read},
	"latency": {"sends records at random times and takes the time until they are read", latency},
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]].run == nil {
		fmt.Fprintln(os.Stderr, "usage: probe topics|forget|wait|read|latency [flags]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	answer, err := commands[os.Args[1]].run(ctx, os.Args[2:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "probe %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	line, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func flags(name string) *flag.FlagSet { return flag.NewFlagSet(name, flag.ExitOnError) }
