#!/bin/sh
# The answer to every request for "/".
printf 'Content-Type: text/plain\r\n\r\n'
echo "Hello from $LOCO_APP $LOCO_DEPLOYMENT, in container $(hostname)."
