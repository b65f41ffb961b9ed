"""Makes the contracts importable from every driver's tests, with pytest's explained asserts."""

import pytest

pytest.register_assert_rewrite("battery_contract", "meter_contract")
