"""An access log, many times: each time with the day shifted by one more.

Usage: copies.py LOG COUNT
"""
import datetime
import re
import sys

text = open(sys.argv[1], "rb").read()
parts = re.split(rb"(?<=\[)(\d\d/\w{3}/\d{4})(?=:)", text)
days = {}
for day in set(parts[1::2]):
    days[day] = datetime.datetime.strptime(day.decode(), "%d/%b/%Y")
for shift in range(int(sys.argv[2])):
    later = {
        day: (date + datetime.timedelta(days=shift)).strftime("%d/%b/%Y").encode()
        for day, date in days.items()
    }
    parts[1::2] = [later[day] for day in re.findall(rb"(?<=\[)(\d\d/\w{3}/\d{4})(?=:)", text)]
    sys.stdout.buffer.write(b"".join(parts))
