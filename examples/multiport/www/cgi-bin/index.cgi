#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo "This is port 8080 of $LOCO_APP."
