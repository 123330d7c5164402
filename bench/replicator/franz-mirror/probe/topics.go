package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const requestTimeoutMs = 15_000

func client(broker string, options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(broker), kgo.ClientID("bench-probe")}, options...)...)
}

func makeTopics(ctx context.Context, args []string) (any, error) {
	f := flags("topics")
	broker := f.String("broker", "", "host:port")
	names := f.String("topics", "", "names with commas")
	partitions := f.Int("partitions", 1, "partitions of each")
	config := f.String("config", "", "name=value with commas")
	f.Parse(args)
	c, err := client(*broker)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = requestTimeoutMs
	for _, name := range strings.Split(*names, ",") {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, int32(*partitions), 1
		for _, pair := range strings.Split(*config, ",") {
			if key, value, found := strings.Cut(pair, "="); found {
				setting := kmsg.NewCreateTopicsRequestTopicConfig()
				setting.Name, setting.Value = key, &value
				topic.Configs = append(topic.Configs, setting)
			}
		}
		request.Topics = append(request.Topics, topic)
	}
	response, err := request.RequestWith(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, topic := range response.Topics {
		if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
			return nil, fmt.Errorf("creating %s: %w", topic.Topic, err)
		}
	}
	return map[string]int{"created": len(response.Topics)}, nil
}

// forget deletes what a replicator has left on a cluster, so that its next run starts from nothing.
func forget(ctx context.Context, args []string) (any, error) {
	f := flags("forget")
	broker := f.String("broker", "", "host:port")
	topicPrefix := f.String("topic-prefix", "", "topics to delete; none when empty")
	keep := f.String("keep", "", "topic that stays")
	groupPrefix := f.String("group-prefix", "", "groups to delete; none when empty")
	f.Parse(args)
	c, err := client(*broker)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	topics, err := deleteTopics(ctx, c, *topicPrefix, *keep)
	if err != nil {
		return nil, err
	}
	groups, err := deleteGroups(ctx, c, *groupPrefix)
	return map[string]int{"topics": topics, "groups": groups}, err
}

func deleteTopics(ctx context.Context, c *kgo.Client, prefix, keep string) (int, error) {
	if prefix == "" {
		return 0, nil
	}
	all, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, c)
	if err != nil {
		return 0, err
	}
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = requestTimeoutMs
	for _, topic := range all.Topics {
		if topic.Topic == nil || *topic.Topic == keep || !strings.HasPrefix(*topic.Topic, prefix) {
			continue
		}
		row := kmsg.NewDeleteTopicsRequestTopic()
		row.Topic = topic.Topic
		request.Topics = append(request.Topics, row)
		request.TopicNames = append(request.TopicNames, *topic.Topic)
	}
	if len(request.Topics) == 0 {
		return 0, nil
	}
	response, err := request.RequestWith(ctx, c)
	if err != nil {
		return 0, err
	}
	for _, topic := range response.Topics {
		if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
			return 0, fmt.Errorf("deleting %s: %w", *topic.Topic, err)
		}
	}
	return len(response.Topics), nil
}

func deleteGroups(ctx context.Context, c *kgo.Client, prefix string) (int, error) {
	if prefix == "" {
		return 0, nil
	}
	all, err := kmsg.NewPtrListGroupsRequest().RequestWith(ctx, c)
	if err != nil {
		return 0, err
	}
	request := kmsg.NewPtrDeleteGroupsRequest()
	for _, group := range all.Groups {
		if strings.HasPrefix(group.Group, prefix) {
			request.Groups = append(request.Groups, group.Group)
		}
	}
	if len(request.Groups) == 0 {
		return 0, nil
	}
	response, err := request.RequestWith(ctx, c)
	if err != nil {
		return 0, err
	}
	for _, group := range response.Groups {
		if err := kerr.ErrorForCode(group.ErrorCode); err != nil {
			return 0, fmt.Errorf("deleting group %s: %w", group.Group, err)
		}
	}
	return len(response.Groups), nil
}
