"""Makes the battery contract importable from every driver's tests, with pytest's explained asserts."""

import pytest

pytest.register_assert_rewrite("battery_contract")
