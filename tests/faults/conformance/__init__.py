"""The rig's SQS and SES do what moto's do, seen through the client that our services use.

Where moto is not like AWS, the emulator is like AWS, and the difference is named in
:data:`tests.faults.conformance.cloud.NOT_LIKE_AWS`.
"""
