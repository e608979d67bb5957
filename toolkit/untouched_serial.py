"""A serial port whose DTR and RTS are left as the kernel sets them."""

from __future__ import annotations

import serial


class UntouchedSerial(serial.Serial):
    """pyserial's port, which otherwise sets both lines whenever it opens: on some boards they move a relay."""

    def _update_dtr_state(self) -> None:
        """Leave it."""

    def _update_rts_state(self) -> None:
        """Leave it."""
