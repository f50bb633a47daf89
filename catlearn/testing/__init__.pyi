from .assertions import (
    assert_equal as assert_equal,
    assert_memory_below as assert_memory_below,
    assert_streamable as assert_streamable,
    assert_time_below as assert_time_below,
)
