"""The decision: a pure state machine over (state, inputs, monotonic now); no clock, no I/O."""
