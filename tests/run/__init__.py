# SPDX-License-Identifier: Apache-2.0
"""The test runner behind ./check."""
