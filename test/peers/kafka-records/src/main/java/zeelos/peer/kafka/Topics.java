package zeelos.peer.kafka;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;

/** What is done to topics and not to records. */
final class Topics {
    static Object run(Command command) throws Exception {
        Properties settings = new Properties();
        settings.put(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, command.text("brokers"));
        settings.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, 30_000);
        settings.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, 10_000);
        try (Admin admin = Admin.create(settings)) {
            return run(admin, command, command.text("topic"));
        }
    }

    private static Object run(Admin admin, Command command, String topic) throws Exception {
        switch (command.verb) {
            case "create" -> {
                NewTopic wanted = new NewTopic(topic, Optional.of(command.number("partitions", 1)), Optional.empty());
                admin.createTopics(List.of(wanted.configs(command.under("set.")))).all().get();
            }
            case "remove" -> admin.deleteTopics(List.of(topic)).all().get();
            case "grow" -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(command.number("partitions", 1))))
                    .all().get();
            case "set" -> {
                Collection<AlterConfigOp> changes = new ArrayList<>();
                command.under("set.").forEach((name, value) -> changes
                        .add(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET)));
                ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
                admin.incrementalAlterConfigs(Map.of(resource, changes)).all().get();
            }
            case "settings" -> {
                ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
                Map<String, Object> found = new LinkedHashMap<>();
                for (ConfigEntry entry : admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
                    if (entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG) {
                        found.put(entry.name(), entry.value());
                    }
                }
                return found;
            }
            case "deleteRecords" -> {
                TopicPartition partition = new TopicPartition(topic, command.number("partition", 0));
                admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(command.longNumber("before", 0)))).all()
                        .get();
            }
            case "ranges" -> {
                return ranges(admin, topic);
            }
            default -> throw new IllegalArgumentException(command.verb);
        }
        return true;
    }

    /** Of each partition: first offset, and next one for a reader of committed records. */
    private static List<Object> ranges(Admin admin, String topic) throws Exception {
        List<Object> found = new ArrayList<>();
        for (TopicPartitionInfo info : admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions()) {
            TopicPartition partition = new TopicPartition(topic, info.partition());
            ListOffsetsOptions committed = new ListOffsetsOptions(IsolationLevel.READ_COMMITTED);
            long first = admin.listOffsets(Map.of(partition, OffsetSpec.earliest()), committed).partitionResult(partition)
                    .get().offset();
            long next = admin.listOffsets(Map.of(partition, OffsetSpec.latest()), committed).partitionResult(partition)
                    .get().offset();
            Map<String, Object> range = new LinkedHashMap<>();
            range.put("partition", info.partition());
            range.put("first", first);
            range.put("next", next);
            found.add(range);
        }
        return found;
    }

    private Topics() {}
}
