import { defineObject } from '../definition.ts';

// biome-ignore format: one resource, one line
export const firmwareUpdate = defineObject(
  { id: 5, name: 'Firmware Update', version: '1.2', occurrence: 'SO', description: 'Brings new firmware onto the device' },
  [
    [0, 'Package', 'W', 'SM', 'OPAQUE', '', '', 'The firmware itself (push)'],
    [1, 'Package URI', 'RW', 'SM', 'STRING', '0..255', '', 'Where the device fetches the firmware (pull)'],
    [2, 'Update', 'E', 'SM', '', '', '', 'Installs what was downloaded'],
    [3, 'State', 'R', 'SM', 'INTEGER', '0..3', '', '0 idle, 1 downloading, 2 downloaded, 3 updating'],
    [5, 'Update Result', 'R', 'SM', 'INTEGER', '0..11', '', '0 none yet, 1 success, 2 no flash, 3 no memory, 4 connection lost, 5 bad checksum, 6 unsupported package, 7 bad URI, 8 failed, 9 unsupported protocol, 10 cancelled, 11 deferred'],
    [6, 'PkgName', 'R', 'SO', 'STRING', '0..255', '', 'Name of the downloaded package'],
    [7, 'PkgVersion', 'R', 'SO', 'STRING', '0..255', '', 'Version of the downloaded package'],
    [8, 'Firmware Update Protocol Support', 'R', 'MO', 'INTEGER', '0..5', '', '0 CoAP, 1 CoAPS, 2 HTTP, 3 HTTPS, 4 CoAP/TCP, 5 CoAP/TLS'],
    [9, 'Firmware Update Delivery Method', 'R', 'SM', 'INTEGER', '0..2', '', '0 pull, 1 push, 2 both'],
    [10, 'Cancel', 'E', 'SO', '', '', '', 'Drops the update and goes back to idle'],
    [11, 'Severity', 'RW', 'SO', 'INTEGER', '0..2', '', '0 critical, 1 mandatory, 2 optional'],
    [12, 'Last State Change Time', 'R', 'SO', 'TIME', '', '', 'When State last changed'],
    [13, 'Maximum Defer Period', 'RW', 'SO', 'UNSIGNED', '', 's', 'How long a user may put the update off'],
    [14, 'Automatic Upgrade at Download', 'RW', 'SO', 'BOOLEAN', '', '', 'Installs right after the download'],
  ],
);
