#!/bin/sh
printf 'Content-Type: application/json\r\n\r\n'
printf '{"items": ["anchor", "lantern", "rope"], "from": "%s %s"}\n' "$LOCO_APP" "$LOCO_DEPLOYMENT"
