#!/bin/sh
printf 'Content-Type: text/html\r\n\r\n'
echo '<!doctype html><title>shop</title><h1>shop</h1>'
if [ -z "$LOCO_APP_SHOP_API_HOST" ]; then
  echo '<p>There was no shop-api when this was rolled out: deploy it, then run <code>loco redeploy shop</code>.</p>'
else
  echo '<pre>'
  wget -q -O - "http://$LOCO_APP_SHOP_API_HOST:$LOCO_APP_SHOP_API_PORT/" || echo 'shop-api does not answer'
  echo '</pre>'
fi
