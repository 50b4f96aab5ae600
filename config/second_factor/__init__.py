"""The second factor at sign-in: codes of an authenticator app (TOTP), and recovery codes for the day it is lost.

django-otp keeps the devices and looks at codes. This room says who needs one (`policy.py`), keeps sessions that
lack it out (`door.py`), sets devices up (`pages.py`) and takes them away (`people.py`). docs/adr/0037.
"""
