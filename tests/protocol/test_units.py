"""Memory counts in millions, disk in powers of two: mixing them up gives customers five per cent too little."""

from rookery.protocol.units import Megabytes, MiB, bytes_of_megabytes, bytes_of_mib


def test_a_disk_limit_is_binary() -> None:
    assert bytes_of_mib(MiB(5)) == 5_242_880


def test_a_memory_limit_is_decimal() -> None:
    assert bytes_of_megabytes(Megabytes(1024)) == 1_024_000_000


def test_no_limit_stays_no_limit() -> None:
    assert (bytes_of_mib(MiB(0)), bytes_of_megabytes(Megabytes(0))) == (0, 0)
