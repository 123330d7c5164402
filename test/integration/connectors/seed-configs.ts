/**
 * The two connectors of the original (zeelos/zeelos, configs/kafka-connect): its settings with their names and texts, only the
 * addresses and credentials are those of the servers under test.
 */
export interface SeedAddresses {
  readonly gatewayId: string;
  readonly registryUrl: string;
  readonly influxUrl: string;
  readonly influxUser: string;
  readonly influxPassword: string;
  readonly orientUrl: string;
  readonly orientUser: string;
  readonly orientPassword: string;
}

const READ = 'rep.body.AvroReadResponseBody.content.AvroResource.value';
const MESSAGE = 'rep.body.AvroGenericResponse.message';

export function influxSinkConfig(o: SeedAddresses): Record<string, string> {
  const observations = `iot.${o.gatewayId}.observations`;
  const replies = `iot.${o.gatewayId}.management.rep`;
  const values = { double: 'dvalue', long: 'lvalue', string: 'svalue', boolean: 'bvalue' };
  const paths = Object.entries(values).map(([type, name]) => [`${READ}.${type}`, name] as const);
  const kept = ['ticket', 'observationId', 'serverId', 'ep', 'path', 'timestamp', 'rep.kind'];
  return {
    'connector.class': 'com.datamountaineer.streamreactor.connect.influx.InfluxSinkConnector',
    'tasks.max': '1',
    topics: `${observations},${replies}`,
    'connect.influx.kcql':
      `INSERT INTO resources SELECT dvalue as value,lvalue as value,svalue,bvalue FROM ${observations} ` +
      'WITHTIMESTAMP timestamp WITHTAG (ticket, observationId, serverId, ep, kind, path);' +
      `INSERT INTO resources SELECT dvalue as value,lvalue as value,svalue,bvalue,message as svalue FROM ${replies} ` +
      'WITHTIMESTAMP timestamp WITHTAG (ticket, serverId, ep, kind, path);',
    'connect.influx.url': o.influxUrl,
    'connect.influx.username': o.influxUser,
    'connect.influx.password': o.influxPassword,
    'connect.influx.db': 'zeelosdb',
    'connect.influx.retry.interval': '60000',
    'connect.influx.error.policy': 'THROW',
    'connect.influx.retention.policy': 'autogen',
    'connect.influx.max.retries': '20',
    transforms: 'flatten,replacer,cast',
    'transforms.flatten.type': 'io.zeelos.kafka.connect.transforms.Flatten$Value',
    'transforms.flatten.blacklist': 'AvroObjectResource,AvroInstanceResource,AvroMultipleResource',
    'transforms.flatten.delimiter': '.',
    'transforms.replacer.type': 'org.apache.kafka.connect.transforms.ReplaceField$Value',
    'transforms.replacer.whitelist': [...kept, ...paths.map(([path]) => path), MESSAGE].join(','),
    'transforms.replacer.renames': ['rep.kind:kind', ...paths.map((pair) => pair.join(':')), `${MESSAGE}:message`].join(
      ',',
    ),
    'transforms.cast.type': 'org.apache.kafka.connect.transforms.Cast$Value',
    'transforms.cast.spec': 'lvalue:float64',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'io.confluent.connect.avro.AvroConverter',
    'value.converter.schema.registry.url': o.registryUrl,
  };
}

export function assetSinkConfig(o: SeedAddresses): Record<string, string> {
  return {
    'connector.class': 'io.zeelos.leshan.kafka.connect.sink.asset.LeshanSinkAssetConnector',
    'tasks.max': '1',
    topics: `iot.${o.gatewayId}.registrations`,
    'tinkerpop3.url': o.orientUrl,
    'tinkerpop3.user': o.orientUser,
    'tinkerpop3.password': o.orientPassword,
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'io.confluent.connect.avro.AvroConverter',
    'value.converter.schema.registry.url': o.registryUrl,
  };
}
