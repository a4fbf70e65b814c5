#!/bin/sh
# Bytes that are no UTF-8, and a character (e with acute accent) that arrives in two writes.
printf 'bad \377\376 bytes\n'
printf 'caf\303'
sleep 0.05
printf '\251\n'
printf 'cut \303\n'
