"""Software bills of materials: CycloneDX and SPDX, rendered from the same records."""
