import assert from 'node:assert/strict';
import { CoapEndpoint, type CoapNotification } from '../../lwm2m/coap/endpoint.ts';
import { codeOf, messageIdOf, optionsOf, RawPeer, raw, tokenOf } from './coap-raw-peer.ts';

const OBSERVE = 6;
const ETAG = 4;
const BLOCK2 = 23;

describe('CoAP notifications, datagram by datagram', () => {
  let endpoint: CoapEndpoint;
  let peer: RawPeer;
  let notifications: CoapNotification[];

  const open = async (limits = {}): Promise<void> => {
    endpoint = await CoapEndpoint.open({
      limits: { ackTimeoutMs: 40, ...limits },
      onRequest: (_request, respond) => respond({ code: '4.04' }),
      onNotification: (notification) => {
        notifications.push(notification);
      },
      pathOfNotification: (_peer, token) => (token.toString('hex') === '4a' ? { path: ['3303', '0'] } : undefined),
    });
    peer = await RawPeer.open(endpoint.localPort);
  };
  const arrived = async (count: number): Promise<void> => {
    const deadline = Date.now() + 1_500;
    while (notifications.length < count && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 2));
    assert.equal(notifications.length, count);
  };
  const notification = (messageId: number, observe = messageId): Buffer =>
    raw({
      code: '2.05',
      messageId,
      token: '4a',
      options: [
        [OBSERVE, observe],
        [12, 0],
      ],
      payload: '19.2 Cel',
    });

  beforeEach(() => {
    notifications = [];
  });
  afterEach(async () => {
    await peer.close();
    await endpoint.close();
  });

  it('hands up what it reads and acknowledges only when told', async () => {
    await open();
    peer.send(notification(0x1234, 16));
    await arrived(1);
    await peer.expectSilence(100);
    const [received] = notifications;
    assert.deepEqual(
      [
        received?.observe,
        received?.contentFormat,
        received?.payload.toString(),
        received?.token.toString('hex'),
        received?.confirmable,
      ],
      [16, 0, '19.2 Cel', '4a', true],
    );
    received?.acknowledge();
    assert.equal((await peer.receive()).toString('hex'), '60001234');
    received?.acknowledge();
    received?.reject();
    await peer.expectSilence();
  });

  it('absorbs a duplicate while unsettled, acknowledges it again afterwards', async () => {
    await open();
    peer.send(notification(1));
    peer.send(notification(1));
    await arrived(1);
    await peer.expectSilence();
    notifications[0]!.acknowledge();
    assert.equal((await peer.receive()).toString('hex'), '60000001');
    assert.equal((await peer.exchange(notification(1))).toString('hex'), '60000001');
    assert.equal(notifications.length, 1);
    assert.equal(endpoint.counters.duplicates, 2);
    assert.equal(endpoint.held.notifications, 0);
  });

  it('hands up a retransmission anew after ignore, and nothing was sent', async () => {
    await open();
    peer.send(notification(2));
    await arrived(1);
    notifications[0]!.ignore();
    peer.send(notification(2));
    await arrived(2);
    await peer.expectSilence();
    notifications[1]!.acknowledge();
    assert.equal((await peer.receive()).toString('hex'), '60000002');
  });

  it('rejects with a reset, also the duplicate', async () => {
    await open();
    peer.send(notification(3));
    await arrived(1);
    notifications[0]!.reject();
    assert.equal((await peer.receive()).toString('hex'), '70000003');
    assert.equal((await peer.exchange(notification(3))).toString('hex'), '70000003');
    assert.equal(notifications.length, 1);
  });

  it('a non-confirmable one is never acknowledged but can be rejected', async () => {
    await open();
    peer.send(raw({ type: 'NON', code: '2.05', messageId: 4, token: '4a', options: [[OBSERVE, 1]] }));
    await arrived(1);
    notifications[0]!.acknowledge();
    await peer.expectSilence();
    peer.send(raw({ type: 'NON', code: '2.05', messageId: 5, token: '4a', options: [[OBSERVE, 2]] }));
    await arrived(2);
    notifications[1]!.reject();
    assert.equal((await peer.receive()).toString('hex'), '70000005');
  });

  it('takes another notification under a used message id for new: the device restarted', async () => {
    await open();
    peer.send(notification(6, 1));
    peer.send(notification(6, 2));
    await arrived(2);
  });

  it('drops without an answer while too many of one peer are unsettled', async () => {
    await open({ rememberedNotificationsPerPeer: 8 });
    for (let id = 0; id < 10; id++) peer.send(notification(id));
    await arrived(8);
    await peer.expectSilence();
    assert.equal(endpoint.counters.droppedAtNotificationLimit, 2);
    for (const received of notifications) received.acknowledge();
    for (let id = 0; id < 8; id++) assert.equal(messageIdOf(await peer.receive()), id);
    peer.send(notification(9));
    await arrived(9);
  });

  it('drops without an answer while too many in all are unsettled', async () => {
    await open({ unsettledNotifications: 1 });
    peer.send(notification(1));
    peer.send(notification(2));
    await arrived(1);
    await peer.expectSilence();
    assert.equal(endpoint.counters.droppedAtNotificationLimit, 1);
  });

  it('resets a confirmable response with an unknown critical option and keeps it to itself', async () => {
    await open();
    const answer = await peer.exchange(raw({ code: '2.05', messageId: 9, token: '4a', options: [[9999, 'x']] }));
    assert.equal(answer.toString('hex'), '70000009');
    assert.equal(notifications.length, 0);
  });

  it('leaves it unanswered when the handler throws, so that the device repeats it', async () => {
    let calls = 0;
    endpoint = await CoapEndpoint.open({
      onRequest: (_request, respond) => respond({ code: '4.04' }),
      onNotification: (received) => {
        if (++calls === 1) throw new Error('once');
        received.acknowledge();
      },
    });
    peer = await RawPeer.open(endpoint.localPort);
    peer.send(notification(1));
    await peer.expectSilence();
    assert.equal((await peer.exchange(notification(1))).toString('hex'), '60000001');
    assert.equal(endpoint.counters.handlerFailures, 1);
  });

  describe('in blocks', () => {
    const first = (messageId: number, token = '4a'): Buffer =>
      raw({
        code: '2.05',
        messageId,
        token,
        options: [
          [ETAG, 'v1'],
          [OBSERVE, 62],
          [BLOCK2, 0x08],
        ],
        payload: 'a'.repeat(16),
      });
    const rest = (request: Buffer, etag = 'v1'): Buffer =>
      raw({
        type: 'ACK',
        code: '2.05',
        messageId: messageIdOf(request),
        token: tokenOf(request),
        options: [
          [ETAG, etag],
          [BLOCK2, 0x10],
        ],
        payload: 'b',
      });

    it('fetches the rest without Observe and under another token, then hands it up whole, RFC 7959 §3.4', async () => {
      await open();
      const request = await peer.exchange(first(1));
      assert.equal(codeOf(request), '0.01');
      assert.deepEqual(optionsOf(request).get(11)?.map(String), ['3303', '0']);
      assert.deepEqual(optionsOf(request).get(BLOCK2)?.[0], Buffer.from([0x10]));
      assert.equal(optionsOf(request).has(OBSERVE), false);
      assert.notEqual(tokenOf(request), '4a');
      assert.equal(notifications.length, 0);
      peer.send(rest(request));
      await arrived(1);
      assert.equal(notifications[0]?.payload.toString(), `${'a'.repeat(16)}b`);
      assert.equal(notifications[0]?.observe, 62);
      notifications[0]?.acknowledge();
      assert.equal((await peer.receive()).toString('hex'), '60000001');
      assert.equal(endpoint.held.transfers, 0);
    });

    it('forgets it when the resource changed meanwhile; its repetition starts anew', async () => {
      await open();
      peer.send(rest(await peer.exchange(first(1)), 'v2'));
      await peer.expectSilence();
      assert.equal(endpoint.counters.blockFailures, 1);
      peer.send(rest(await peer.exchange(first(1))));
      await arrived(1);
    });

    it('rejects it when nobody knows the token', async () => {
      await open();
      assert.equal((await peer.exchange(first(1, '4b'))).toString('hex'), '70000001');
    });
  });
});
