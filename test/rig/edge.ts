import { type GatewayOptions, type Servers, TestGateway } from './gateway.ts';
import { useStack } from './rig.ts';

/** The real Kafka and registry of one edge. */
export async function useEdge(): Promise<Servers> {
  const { ports } = await useStack('kafka-edge', 'registry');
  return {
    kafkaBrokers: [`127.0.0.1:${ports.kafkaEdge}`],
    registryUrl: `http://127.0.0.1:${ports.registry}/apis/ccompat/v7`,
  };
}

/** A gateway whose server runs in this process. */
export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const gateway = await TestGateway.create(await useEdge(), options);
  await gateway.start();
  return gateway;
}
