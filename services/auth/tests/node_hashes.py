"""Hashes as Node writes them, made with its packages: bcryptjs 3.0.3, bcrypt 6.0.0 and argon2 0.45.1."""

HORSE = "correct horse"

BCRYPTJS = "$2b$04$BQOXn4znB/l/QK0WNV9QP.KUjbLNKxmd4axvLYWEImxm.5amNb3hm"
BCRYPT = "$2b$04$lfW.lU6gddvqyXEy/FTFLeCKc008xy0upYuXYVAXJbfpgr1OQ.kOi"
ARGON2ID = "$argon2id$v=19$m=1024,p=2,t=2$k6u2EiGrs7pwlN/sZnfdAw$UbMILNAyjEtMUQvab6Dkv+i++Fda6uKGwFbY2oFu4HM"
ARGON2ID_DEFAULT = "$argon2id$v=19$m=65536,p=4,t=3$eqETVuOhmzMTXSW4cwQobA$5Y3v0lCLIwHo9pdxziHMDAFqW2fMGLWA/g/O+2TKIb8"
ARGON2I = "$argon2i$v=19$m=1024,p=4,t=3$PCi1oqtm529Hk0jI968ZCQ$YksHIyMTThB0Q7AF8r85yiwVsyyvQD4odMTBuHCnKNg"
ARGON2D = "$argon2d$v=19$m=1024,p=4,t=3$lwVNKh3qARPVldJCnE2rAw$tsGYUrzB0jhtnEH6NjwnrjuvXzcGeqv2h2zDz5R1Mxw"
ARGON2_OLD_VERSION = "$argon2id$v=16$m=1024,p=4,t=3$2pCZyT/ijhd02PPxa3hUxQ$SE1vZiAwmeEUzYd7YY8mbXOgJkn9/+iOgKEcxN2JxKo"
ARGON2_WITH_DATA = (
    "$argon2id$v=19$m=1024,p=4,t=3,data=YWJj$N5sPf+4Gk0igVNCzOhlwGw$Hs/DJhLCjcwaPx8u9YwXTH8SBJ6j4adTu2D7kZbHy9I"
)
OF_HORSE = (BCRYPTJS, BCRYPT, ARGON2ID, ARGON2ID_DEFAULT, ARGON2I, ARGON2D, ARGON2_OLD_VERSION)
"""Each is of the same password."""

DECOMPOSED = "cafe\u0301 noir"
"""A password that Node hashed as it was typed; in form NFKC it has one character less."""

DECOMPOSED_BCRYPTJS = "$2b$04$sznK1dWUsFCIrCoDtTZbOu/d3D8KkWByHeEgocwZGx/U5d7J2MRvq"
DECOMPOSED_ARGON2ID = "$argon2id$v=19$m=1024,p=2,t=2$WeDJTo7QOPxFdCvYZFXbJw$8bOSZGtzQib/oB2rudDfSGXhJUajlVQBafWIk2mYMpk"

LONG = "\u20ac" * 30 + "tail"
"""94 bytes, of which bcrypt looked at 72."""

LONG_BCRYPTJS = "$2b$04$zAVVnCouQizQCskj1rdgxOi1QRmSlUQGqS3IQ1LVBVQN2x2Lq.fmO"
LONG_BCRYPT = "$2b$04$d7Vj6HgbUGTHBkkBgJdg1eNWDO4GLTEMkybGiql0ArEUYnPpzdgBq"

NUL = "correct\0horse"
NUL_BCRYPTJS = "$2b$04$zVVZzH2NFwH5n5RhnHqFLOvPWcIkngWLN8yNmERcl.q5sGmgg3OwO"
