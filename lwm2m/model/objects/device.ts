import { defineObject } from '../definition.ts';

// biome-ignore format: one resource, one line
export const device = defineObject(
  { id: 3, name: 'Device', version: '1.2', occurrence: 'SM', description: 'What the device is and how it fares' },
  [
    [0, 'Manufacturer', 'R', 'SO', 'STRING', '', '', 'Who made it'],
    [1, 'Model Number', 'R', 'SO', 'STRING', '', '', 'Model, as its maker names it'],
    [2, 'Serial Number', 'R', 'SO', 'STRING', '', '', 'Serial number'],
    [3, 'Firmware Version', 'R', 'SO', 'STRING', '', '', 'Version of the running firmware'],
    [4, 'Reboot', 'E', 'SM', '', '', '', 'Restarts the device'],
    [5, 'Factory Reset', 'E', 'SO', '', '', '', 'Sets the device back as it left the factory'],
    [6, 'Available Power Sources', 'R', 'MO', 'INTEGER', '0..7', '', '0 DC, 1 internal battery, 2 external battery, 3 fuel cell, 4 Ethernet, 5 USB, 6 mains, 7 solar'],
    [7, 'Power Source Voltage', 'R', 'MO', 'INTEGER', '', '', 'Voltage of each source in mV'],
    [8, 'Power Source Current', 'R', 'MO', 'INTEGER', '', '', 'Current of each source in mA'],
    [9, 'Battery Level', 'R', 'SO', 'INTEGER', '0..100', '/100', 'Charge of the internal battery'],
    [10, 'Memory Free', 'R', 'SO', 'INTEGER', '', '', 'Free storage in kilobytes'],
    [11, 'Error Code', 'R', 'MM', 'INTEGER', '0..32', '', 'Present errors; 0 is none'],
    [12, 'Reset Error Code', 'E', 'SO', '', '', '', 'Clears the errors'],
    [13, 'Current Time', 'RW', 'SO', 'TIME', '', '', 'Clock of the device'],
    [14, 'UTC Offset', 'RW', 'SO', 'STRING', '', '', 'Offset in force, such as +02:00'],
    [15, 'Timezone', 'RW', 'SO', 'STRING', '', '', 'IANA name of the time zone'],
    [16, 'Supported Binding and Modes', 'R', 'SM', 'STRING', '', '', 'Letters of all transports it has'],
    [17, 'Device Type', 'R', 'SO', 'STRING', '', '', 'Kind of device, as its maker names it'],
    [18, 'Hardware Version', 'R', 'SO', 'STRING', '', '', 'Version of the hardware'],
    [19, 'Software Version', 'R', 'SO', 'STRING', '', '', 'Version of what runs on the firmware'],
    [20, 'Battery Status', 'R', 'SO', 'INTEGER', '0..6', '', '0 normal, 1 charging, 2 full, 3 damaged, 4 low, 5 not installed, 6 unknown'],
    [21, 'Memory Total', 'R', 'SO', 'INTEGER', '', '', 'All storage in kilobytes'],
    [22, 'ExtDevInfo', 'R', 'MO', 'OBJLNK', '', '', 'Instances of other objects that tell more of the device'],
  ],
);
