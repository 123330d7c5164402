import * as units from '@grafana/grafana-foundation-sdk/units';
import { board, gatewayVariable, OF_GATEWAY } from './board.ts';
import { graph, stat } from './panels.ts';
import { highest, now, quantile, rate } from './promql.ts';

const shown = { by: ['gateway'], where: OF_GATEWAY };
const all = { where: OF_GATEWAY };

export const lwm2mServer = board({
  uid: 'zeelos-lwm2m-server',
  title: 'LwM2M server',
  about: 'What goes between devices and the server of a gateway, and from there into Kafka.',
  variables: [gatewayVariable('coap_datagrams_in_total')],
  rows: {
    Now: [
      stat({
        title: 'Notifications recorded',
        about: 'Notifications written to Kafka, per second.',
        unit: units.CountsPerSecond,
        series: { notifications: rate('lwm2m_notifications_recorded_total', all) },
      }),
      stat({
        title: 'Commit in Kafka, 99 of 100',
        about: 'From a record handed to Kafka to its commit. Devices wait so long for their acknowledgement.',
        unit: units.Seconds,
        limits: { doubtful: 0.5, bad: 2 },
        series: { commit: quantile(0.99, 'kafka_commit_seconds', all) },
      }),
      stat({
        title: 'Waiting for Kafka',
        about: 'Records that wait for Kafka. It stands still while Kafka is away; devices are not acknowledged then.',
        unit: units.Short,
        series: { records: now('kafka_backlog_records', all) },
      }),
      stat({
        title: 'Datagrams in',
        about: 'Datagrams that came, per second.',
        unit: units.CountsPerSecond,
        series: { in: rate('coap_datagrams_in_total', all) },
      }),
      stat({
        title: 'Sent again',
        about: 'Share of our datagrams that are repetitions, because no acknowledgement came.',
        unit: units.PercentUnit,
        limits: { doubtful: 0.05, bad: 0.2 },
        series: {
          'sent again': `${rate('coap_retransmissions_total', all)} / (${rate('coap_datagrams_out_total', all)} > 0)`,
        },
      }),
      stat({
        title: 'Put off',
        about:
          'Notifications left without an acknowledgement and Sends answered 5.03, per second: Kafka takes less than comes.',
        unit: units.CountsPerSecond,
        limits: { doubtful: 0.001, bad: 1 },
        series: {
          'put off': `${rate('lwm2m_notifications_shed_total', all)} + ${rate('lwm2m_sends_shed_total', all)}`,
        },
      }),
    ],
    Notifications: [
      graph({
        title: 'Notifications and Sends',
        about: 'Recorded and acknowledged go together; what was not confirmable is not acknowledged.',
        unit: units.CountsPerSecond,
        series: {
          '{{gateway}} recorded': rate('lwm2m_notifications_recorded_total', shown),
          '{{gateway}} acknowledged': rate('lwm2m_notifications_acknowledged_total', shown),
          '{{gateway}} repeated': rate('lwm2m_notifications_repeated_total', shown),
          '{{gateway}} reordered': rate('lwm2m_notifications_reordered_total', shown),
          '{{gateway}} Sends': rate('lwm2m_sends_recorded_total', shown),
        },
      }),
      graph({
        title: 'Notifications that were refused',
        about: 'Answered with a reset, or recorded with the reason. A few after a restart of devices are normal.',
        unit: units.CountsPerSecond,
        series: {
          '{{gateway}} unknown token': rate('lwm2m_notifications_unknown_token_total', shown),
          '{{gateway}} observation ended': rate('lwm2m_notifications_after_end_total', shown),
          '{{gateway}} not registered': rate('lwm2m_notifications_no_registration_total', shown),
          '{{gateway}} wrong address': rate('lwm2m_notifications_wrong_peer_total', shown),
          '{{gateway}} unreadable': rate('lwm2m_notifications_undecodable_total', shown),
          '{{gateway}} not taken by Kafka': rate('lwm2m_notifications_shed_total', shown),
          '{{gateway}} Sends refused': rate('lwm2m_sends_refused_total', shown),
        },
      }),
      graph({
        title: 'Commit in Kafka',
        about: 'From a record handed to Kafka to its commit; one in flight at a time is measured.',
        unit: units.Seconds,
        series: {
          '{{gateway}} half': quantile(0.5, 'kafka_commit_seconds', shown),
          '{{gateway}} 99 of 100': quantile(0.99, 'kafka_commit_seconds', shown),
        },
      }),
      graph({
        title: 'Waiting for Kafka',
        about:
          'Records handed over and not committed yet. The limit keeps the memory bounded; at it devices are put off.',
        unit: units.Short,
        series: { '{{gateway}}': now('kafka_backlog_records', shown) },
      }),
    ],
    Commands: [
      graph({
        title: 'Time to reply',
        about: 'From a command taken to its reply committed; commands that waited for a device that slept included.',
        unit: units.Seconds,
        series: {
          '{{gateway}} half': quantile(0.5, 'lwm2m_command_seconds', shown),
          '{{gateway}} 95 of 100': quantile(0.95, 'lwm2m_command_seconds', shown),
          '{{gateway}} 99 of 100': quantile(0.99, 'lwm2m_command_seconds', shown),
        },
      }),
      graph({
        title: 'Commands without a reply',
        about: 'Waiting in all, of these for sleepers.',
        unit: units.Short,
        series: {
          '{{gateway}} waiting': now('lwm2m_commands_waiting', shown),
          '{{gateway}} for sleepers': now('lwm2m_commands_parked', shown),
          '{{gateway}} age of the oldest, s': highest('lwm2m_commands_oldest_seconds', shown),
        },
      }),
    ],
    Content: [
      graph({
        title: 'Unreadable content by format',
        about: 'Payloads, or records within one, that could not be read. The raw reason is in the record.',
        unit: units.CountsPerSecond,
        series: {
          '{{gateway}} {{format}}': rate('lwm2m_decode_errors_total', { by: ['gateway', 'format'], where: OF_GATEWAY }),
        },
      }),
      graph({
        title: 'Read with another version of the model',
        about: 'Values of devices that announced a version nobody uploaded. Upload its definition.',
        unit: units.CountsPerSecond,
        series: { '{{gateway}}': rate('lwm2m_model_version_mismatch_total', shown) },
      }),
    ],
    CoAP: [
      graph({
        title: 'Messages in',
        about: 'By type and code.',
        unit: units.CountsPerSecond,
        series: {
          '{{type}} {{code}}': rate('coap_messages_total', {
            by: ['type', 'code'],
            where: `${OF_GATEWAY}, direction="in"`,
          }),
        },
      }),
      graph({
        title: 'Messages out',
        about: 'By type and code.',
        unit: units.CountsPerSecond,
        series: {
          '{{type}} {{code}}': rate('coap_messages_total', {
            by: ['type', 'code'],
            where: `${OF_GATEWAY}, direction="out"`,
          }),
        },
      }),
      graph({
        title: 'Transmission',
        about: 'Repetitions of ours, those of devices that were absorbed, and messages given up.',
        unit: units.CountsPerSecond,
        series: {
          '{{gateway}} sent again': rate('coap_retransmissions_total', shown),
          '{{gateway}} given up': rate('coap_transmission_timeouts_total', shown),
          '{{gateway}} duplicates': rate('coap_duplicates_total', shown),
          '{{gateway}} blocks failed': rate('coap_block_failures_total', shown),
          '{{gateway}} send errors': rate('coap_send_errors_total', shown),
        },
      }),
      graph({
        title: 'Dropped',
        about: 'Datagrams that are no CoAP, ask for what nobody knows, or came above a limit.',
        unit: units.CountsPerSecond,
        series: {
          '{{gateway}} malformed': rate('coap_malformed_total', shown),
          '{{gateway}} critical option': rate('coap_bad_critical_options_total', shown),
          '{{gateway}} unknown message': rate('coap_dropped_unknown_messages_total', shown),
          '{{gateway}} too many peers': rate('coap_dropped_at_peer_limit_total', shown),
          '{{gateway}} too many requests': rate('coap_dropped_at_request_limit_total', shown),
          '{{gateway}} too many notifications': rate('coap_dropped_at_notification_limit_total', shown),
          '{{gateway}} response unwanted': rate('coap_dropped_responses_total', shown),
        },
      }),
      graph({
        title: 'Held',
        about:
          'Peers, transmissions, requests, notifications and block-wise transfers that the CoAP endpoint remembers now. All have limits.',
        unit: units.Short,
        width: 24,
        series: { '{{gateway}} {{what}}': now('coap_held', { by: ['gateway', 'what'], where: OF_GATEWAY }) },
      }),
    ],
  },
});
