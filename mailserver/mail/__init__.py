"""What the RFCs say: bytes in, values out. No I/O, no asyncio."""
