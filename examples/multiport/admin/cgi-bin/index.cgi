#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo "This is port 9090 of $LOCO_APP."
