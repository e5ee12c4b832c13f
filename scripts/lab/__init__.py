# SPDX-License-Identifier: Apache-2.0
"""The lab: where things are, how images are made, and how the emulator is driven.

Used by ./try and ./check; knows nothing of either."""
