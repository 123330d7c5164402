# The yardstick's own functions as two commands.
#   yardstick.sh build  <yardstick folder>
#   yardstick.sh broker <yardstick folder> <data folder> <port> <controller port>   prints the pid of the broker, runs until it is told to end
set -euo pipefail
command=$1 yardstick=$2
. "$yardstick/lib.sh"
case $command in
build)
  build
  ;;
broker)
  WORKDIR=$3 KEEP=1
  trap stop_all EXIT
  trap 'exit 0' INT TERM
  start_broker edge "$4" "$5" "${BROKER_HEAP:-768m}"
  echo "pid $BROKER_PID"
  wait "$BROKER_PID"
  ;;
esac
