//go:build tools

package main

import _ "github.com/influxdata/influxdb/v2/cmd/influxd"
