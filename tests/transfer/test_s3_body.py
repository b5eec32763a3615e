"""What is sent to a bucket has the checksum that botocore would compute itself."""

from __future__ import annotations

from mmap import mmap

from botocore.httpchecksum import Crc32Checksum
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.transfer.s3_body import s3_body


@given(st.binary(min_size=1, max_size=20_000))
def test_the_checksum_is_botocores(content: bytes) -> None:
    expected = Crc32Checksum().handle(content)
    assert s3_body(content) == {"Body": content, "ChecksumCRC32": expected}
    with mmap(-1, len(content)) as memory:
        memory[:] = content
        assert s3_body(memory)["ChecksumCRC32"] == expected


def test_nothing_has_a_checksum_too() -> None:
    assert s3_body(b"")["ChecksumCRC32"] == Crc32Checksum().handle(b"")
