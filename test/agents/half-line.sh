#!/bin/sh
# Ends successfully in the middle of a JSON line.
echo '{"type":"text","text":"whole"}'
printf '{"type":"text","te'
