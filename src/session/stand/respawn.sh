# The first process of a twin that is started with other files again and again: it starts the service anew when it is told to
# (SIGALRM) and the service is gone, which costs a quarter of what restarting the container does. To all else it is as if
# the service itself were the first process: it gets each signal, and the container ends with it.
emptied=$1
shift
for signal in HUP INT QUIT TERM USR1 USR2 WINCH; do trap "kill -s $signal \$service" "$signal"; done
trap 'again=yes' ALRM
while again=; do
  "$@" &
  service=$!
  # A signal cuts the wait short.
  while wait "$service"; code=$?; kill -0 "$service" 2>/dev/null; do :; done
  [ "$again" ] || exit "$code"
  for folder in $emptied; do find "$folder" -mindepth 1 -delete; done
done
