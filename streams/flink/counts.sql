-- zeelos stream counts, for Flink SQL: records of each minute by endpoint and path, and by endpoint alone (`path` is null there).
-- ${…} is put in by whoever runs it; table.local-time-zone has to be UTC. Nothing of the content is read: any observation will do.
-- Ours writes no records; here a minute comes to rows of JSON.

CREATE TABLE observations (
  `ep` STRING,
  `path` STRING,
  `timestamp` BIGINT,
  `eventTime` AS TO_TIMESTAMP_LTZ(`timestamp`, 3),
  WATERMARK FOR `eventTime` AS `eventTime` - INTERVAL '${graceSeconds}' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'iot.${gateway}.observations',
  'properties.bootstrap.servers' = '${brokers}',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = '${boundedMode}',
  'scan.watermark.emit.strategy' = 'on-event',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${registry}'
);

CREATE TABLE counts (
  `ep` STRING NOT NULL,
  `path` STRING,
  `windowStart` BIGINT NOT NULL,
  `count` BIGINT NOT NULL
) WITH (
  'connector' = 'kafka',
  'topic' = 'analytics.${gateway}.counts',
  'properties.bootstrap.servers' = '${brokers}',
  'value.format' = 'json'
);

INSERT INTO counts
SELECT
  COALESCE(`ep`, ''),
  `path`,
  1000 * UNIX_TIMESTAMP(CAST(window_start AS STRING), 'yyyy-MM-dd HH:mm:ss.SSS'),
  COUNT(*)
FROM TABLE(TUMBLE(TABLE observations, DESCRIPTOR(`eventTime`), INTERVAL '60' SECOND))
GROUP BY window_start, window_end, GROUPING SETS ((`ep`, `path`), (`ep`));
