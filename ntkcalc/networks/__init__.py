"""Networks of finite width at initialisation: kernels, ensembles, and the two-layer networks of section C.2."""

__all__ = ["ensembles", "network", "results", "two_layer"]
