import * as units from '@grafana/grafana-foundation-sdk/units';
import { board, gatewayVariable, OF_GATEWAY, toBoard } from './board.ts';
import { DEVICE_LINKS } from './device-links.ts';
import { graph, stat } from './panels.ts';
import { highest, lowest, now, rate, total } from './promql.ts';
import { table } from './tables.ts';

const shown = { by: ['gateway'], where: OF_GATEWAY };
const all = { where: OF_GATEWAY };

export const fleet = board({
  uid: 'zeelos-fleet',
  title: 'Fleet',
  about: 'Devices by gateway and state, who comes and goes, who talks most.',
  variables: [gatewayVariable('lwm2m_registrations')],
  rows: {
    Now: [
      stat({
        title: 'Registered devices',
        about: 'Devices with a registration that has not run out.',
        unit: units.Short,
        series: { devices: now('lwm2m_registrations', all) },
      }),
      stat({
        title: 'Reachable always',
        about: 'Devices that are not in queue mode.',
        unit: units.Short,
        series: { devices: now('lwm2m_registrations_by_state', { where: `${OF_GATEWAY}, state="reachable"` }) },
      }),
      stat({
        title: 'Awake',
        about: 'Devices in queue mode that spoke a moment ago and still listen.',
        unit: units.Short,
        series: { devices: now('lwm2m_registrations_by_state', { where: `${OF_GATEWAY}, state="awake"` }) },
      }),
      stat({
        title: 'Asleep',
        about: 'Devices in queue mode that do not listen now. Their commands wait.',
        unit: units.Short,
        series: { devices: now('lwm2m_registrations_by_state', { where: `${OF_GATEWAY}, state="asleep"` }) },
      }),
      stat({
        title: 'Observations',
        about: 'Observations that the servers hold on devices.',
        unit: units.Short,
        series: { observations: now('lwm2m_observations', all) },
      }),
      stat({
        title: 'Gateways',
        about: 'Gateways whose LwM2M server answers.',
        unit: units.Short,
        series: { gateways: `count (${now('lwm2m_registrations', shown)})` },
      }),
    ],
    'By gateway': [
      table({
        title: 'Gateways',
        about:
          'What each gateway holds now, and how often registrations ended by running out since its server started.',
        series: {
          devices: now('lwm2m_registrations', shown),
          observations: now('lwm2m_observations', shown),
          'commands waiting': now('lwm2m_commands_waiting', shown),
          'registrations run out': total('lwm2m_registrations_expired_total', shown),
          'registrations refused': total('lwm2m_registrations_refused_total', shown),
        },
        links: {
          gateway: toBoard('zeelos-lwm2m-server', 'LwM2M server of this gateway', { gateway: 'gateway' }),
        },
      }),
      graph({
        title: 'Devices by state',
        about: 'Reachable always, or in queue mode awake or asleep.',
        unit: units.Short,
        stacked: true,
        series: {
          '{{gateway}} {{state}}': now('lwm2m_registrations_by_state', { by: ['gateway', 'state'], where: OF_GATEWAY }),
        },
      }),
      graph({
        title: 'Observations',
        about:
          'They follow the registrations, in rounds. Fewer than before a restart: devices have not been heard yet.',
        unit: units.Short,
        series: { '{{gateway}}': now('lwm2m_observations', shown) },
      }),
    ],
    'Coming and going': [
      graph({
        title: 'Registrations and updates',
        about: 'A rise of new registrations without devices that left: devices reboot, or lose their registration.',
        unit: units.CountsPerSecond,
        series: {
          '{{gateway}} new': rate('lwm2m_registrations_new_total', shown),
          '{{gateway}} updated': rate('lwm2m_registrations_updated_total', shown),
        },
      }),
      graph({
        title: 'Ends and refusals',
        about:
          'Run out: the device was not heard for its whole lifetime. Refused: answered with an error. Put off: answered with 5.03, because Kafka took nothing or too many came at once.',
        unit: units.CountsPerSecond,
        series: {
          '{{gateway}} left': rate('lwm2m_registrations_deregistered_total', shown),
          '{{gateway}} run out': rate('lwm2m_registrations_expired_total', shown),
          '{{gateway}} refused': rate('lwm2m_registrations_refused_total', shown),
          '{{gateway}} put off': rate('lwm2m_registrations_shed_total', shown),
        },
      }),
      graph({
        title: 'Devices behind LwM2M gateways',
        about:
          'Devices that others speak for (object 25). Left out: too many, a repeated prefix, or a name that is taken.',
        unit: units.CountsPerSecond,
        series: {
          '{{gateway}} registered': rate('lwm2m_children_registered_total', shown),
          '{{gateway}} ended': rate('lwm2m_children_ended_total', shown),
          '{{gateway}} left out': rate('lwm2m_children_left_out_total', shown),
          '{{gateway}} lists not read': rate('lwm2m_gateways_unread_total', shown),
        },
      }),
      graph({
        title: 'Who talks most',
        about:
          'Records of the last full minute by endpoint, as the analysis counts tells: the twenty largest, the others together.',
        unit: units.Short,
        series: {
          '{{gateway}} {{endpoint}}': highest('zeelos_stream_minute_records_by_endpoint', {
            by: ['gateway', 'endpoint'],
            where: OF_GATEWAY,
          }),
        },
      }),
    ],
    Modbus: [
      table({
        title: 'Modbus units',
        about: 'Units of the Modbus adapters: 1 while they answer, and while they are registered as devices.',
        width: 12,
        series: {
          reachable: lowest('zeelos_modbus_unit_reachable', { by: ['gateway', 'endpoint'], where: OF_GATEWAY }),
          registered: lowest('zeelos_modbus_unit_registered', { by: ['gateway', 'endpoint'], where: OF_GATEWAY }),
        },
        units: { reachable: units.BoolYesNo, registered: units.BoolYesNo },
        links: DEVICE_LINKS,
      }),
      graph({
        title: 'Modbus polls',
        about: 'Read requests, those that failed, and exceptions that units answered with.',
        unit: units.CountsPerSecond,
        series: {
          '{{endpoint}} polls': rate('zeelos_modbus_polls_total', { by: ['endpoint'], where: OF_GATEWAY }),
          '{{endpoint}} failed': rate('zeelos_modbus_poll_failures_total', { by: ['endpoint'], where: OF_GATEWAY }),
          '{{endpoint}} exceptions': rate('zeelos_modbus_exceptions_total', { by: ['endpoint'], where: OF_GATEWAY }),
        },
      }),
    ],
  },
});
