from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
ACCESS_FIELD_NUMBER: _ClassVar[int]
access: _descriptor.FieldDescriptor
CREATED_FIELD_NUMBER: _ClassVar[int]
created: _descriptor.FieldDescriptor

class Access(_message.Message):
    __slots__ = ("level", "services")
    class Level(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        LEVEL_UNSPECIFIED: _ClassVar[Access.Level]
        PUBLIC: _ClassVar[Access.Level]
        USER: _ClassVar[Access.Level]
        ADMIN: _ClassVar[Access.Level]
        SERVICE: _ClassVar[Access.Level]
    LEVEL_UNSPECIFIED: Access.Level
    PUBLIC: Access.Level
    USER: Access.Level
    ADMIN: Access.Level
    SERVICE: Access.Level
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    level: Access.Level
    services: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, level: _Optional[_Union[Access.Level, str]] = ..., services: _Optional[_Iterable[str]] = ...) -> None: ...

class Created(_message.Message):
    __slots__ = ("location",)
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    location: str
    def __init__(self, location: _Optional[str] = ...) -> None: ...
