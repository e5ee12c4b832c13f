# SPDX-License-Identifier: Apache-2.0
"""The orchestration of ./bench. Nothing here knows what an operation does: that is in tests/guests/bench/."""
