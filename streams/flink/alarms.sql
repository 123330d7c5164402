-- zeelos stream alarms, for Flink SQL, with one rule of each kind; for more, repeat the view of the kind.
-- ${…} is put in by whoever runs it; table.local-time-zone has to be UTC. Endpoints and paths of a rule are regular expressions here.
-- Only numbers may stand in the input: Flink's Avro format cannot pass over other values. Nor can it write an enumeration, so what comes out is
-- a row of JSON with the fields of AvroAlarm.
--
-- Where it differs: Flink brings the values of a resource into the order of their time, as far as the grace reaches, and judges all of
-- them; ours judges them as they come and passes over what is older than the newest. A silence that ends in the very millisecond in which it
-- would be raised is one to ours, none to Flink. Ours raises a silence at once, by the clock of the machine; Flink when a later record
-- has moved the watermark. Ours forgets after seven days when room is needed; Flink keeps each resource until table.exec.state.ttl.

CREATE TABLE observations (
  `ep` STRING,
  `path` STRING,
  `timestamp` BIGINT,
  `rep` ROW<`body` ROW<`content` ROW<`value` DOUBLE>>>,
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

-- The same records by the time at which the gateway wrote them: silence is a matter of that.
CREATE TABLE records (
  `ep` STRING,
  `recordTime` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  `recordMs` AS 1000 * UNIX_TIMESTAMP(CAST(`recordTime` AS STRING), 'yyyy-MM-dd HH:mm:ss.SSS') + EXTRACT(MILLISECOND FROM `recordTime`),
  -- Records of one millisecond are no late ones.
  WATERMARK FOR `recordTime` AS `recordTime` - INTERVAL '0.001' SECOND
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

CREATE TABLE alarms (
  `serverId` STRING NOT NULL,
  `rule` STRING NOT NULL,
  `kind` STRING NOT NULL,
  `state` STRING NOT NULL,
  `ep` STRING NOT NULL,
  `path` STRING,
  `timestamp` BIGINT NOT NULL,
  `value` DOUBLE,
  `limit` DOUBLE NOT NULL
) WITH (
  'connector' = 'kafka',
  'topic' = 'analytics.${gateway}.alarms.rows',
  'properties.bootstrap.servers' = '${brokers}',
  'key.format' = 'json',
  'key.fields' = 'ep',
  'value.format' = 'json',
  'value.fields-include' = 'ALL'
);

CREATE TEMPORARY VIEW numbers AS
SELECT `ep`, `path`, `timestamp`, `eventTime`, `rep`.`body`.`content`.`value` AS `number`
FROM observations
WHERE `rep`.`body`.`content`.`value` IS NOT NULL;

-- Values between the two limits change nothing and are left out; of the others those count that differ from the one before.
CREATE TEMPORARY VIEW thresholds AS
SELECT `ep`, `path`, `timestamp`, `number`, `state`
FROM (
  SELECT *, LAG(`state`) OVER (PARTITION BY `ep`, `path` ORDER BY `eventTime`) AS `stateBefore`
  FROM (
    SELECT *, CASE WHEN `number` > ${above} THEN 'RAISED' ELSE 'CLEARED' END AS `state`
    FROM numbers
    WHERE REGEXP(`path`, '${thresholdPath}') AND (`number` > ${above} OR `number` <= ${thresholdClearsAt})
  )
)
WHERE `state` <> COALESCE(`stateBefore`, 'CLEARED');

CREATE TEMPORARY VIEW changes AS
SELECT
  `ep`, `path`, `timestamp`, `eventTime`,
  ABS(`number` - `numberBefore`) / (CAST(`timestamp` - `timeBefore` AS DOUBLE) / 1000) AS `perSecond`
FROM (
  SELECT
    *,
    LAG(`number`) OVER (PARTITION BY `ep`, `path` ORDER BY `eventTime`) AS `numberBefore`,
    LAG(`timestamp`) OVER (PARTITION BY `ep`, `path` ORDER BY `eventTime`) AS `timeBefore`
  FROM numbers
  WHERE REGEXP(`path`, '${ratePath}')
)
WHERE `timestamp` > `timeBefore`;

CREATE TEMPORARY VIEW rates AS
SELECT `ep`, `path`, `timestamp`, `perSecond`, `state`
FROM (
  SELECT *, LAG(`state`) OVER (PARTITION BY `ep`, `path` ORDER BY `eventTime`) AS `stateBefore`
  FROM (
    SELECT *, CASE WHEN `perSecond` > ${perSecond} THEN 'RAISED' ELSE 'CLEARED' END AS `state`
    FROM changes
    WHERE `perSecond` > ${perSecond} OR `perSecond` <= ${rateClearsAt}
  )
)
WHERE `state` <> COALESCE(`stateBefore`, 'CLEARED');

-- A session of records ends where the silence has lasted long enough; the next record after it ends the silence.
CREATE TEMPORARY VIEW silences AS
SELECT `ep`, MAX(`recordMs`) + 1000 * ${silenceSeconds} AS `timestamp`, 'RAISED' AS `state`
FROM TABLE(SESSION(TABLE records PARTITION BY `ep`, DESCRIPTOR(`recordTime`), INTERVAL '${silenceSeconds}' SECOND))
WHERE REGEXP(`ep`, '${silenceEndpoint}')
GROUP BY `ep`, window_start, window_end
UNION ALL
SELECT `ep`, `recordMs`, 'CLEARED'
FROM (
  SELECT `ep`, `recordMs`, LAG(`recordMs`) OVER (PARTITION BY `ep` ORDER BY `recordTime`) AS `before`
  FROM records
  WHERE REGEXP(`ep`, '${silenceEndpoint}')
)
WHERE `recordMs` - `before` > 1000 * ${silenceSeconds};

INSERT INTO alarms
SELECT
  '${gateway}', '${thresholdRule}', 'THRESHOLD', `state`, COALESCE(`ep`, ''), `path`,
  COALESCE(`timestamp`, 0), `number`, CAST(${above} AS DOUBLE)
FROM thresholds
UNION ALL
SELECT
  '${gateway}', '${rateRule}', 'RATE', `state`, COALESCE(`ep`, ''), `path`,
  COALESCE(`timestamp`, 0), `perSecond`, CAST(${perSecond} AS DOUBLE)
FROM rates
UNION ALL
SELECT
  '${gateway}', '${silenceRule}', 'SILENCE', `state`, COALESCE(`ep`, ''), CAST(NULL AS STRING),
  COALESCE(`timestamp`, 0), CAST(NULL AS DOUBLE), CAST(${silenceSeconds} AS DOUBLE)
FROM silences;
