/** Uids of the data sources, the same in every Grafana: provisioning/datasources/zeelos.yaml gives them, the dashboards name them. */
export const INFLUXDB = { type: 'influxdb', uid: 'zeelos-influxdb' } as const;
export const PROMETHEUS = { type: 'prometheus', uid: 'zeelos-prometheus' } as const;
