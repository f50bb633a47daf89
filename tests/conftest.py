"""Test-wide settings: no deadlines, since the first call of jitted code compiles."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "catlearn", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("catlearn")
