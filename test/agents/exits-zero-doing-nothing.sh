#!/bin/sh
# Claims success by its exit code alone.
exit 0
