"""The few names that the connector itself gives to things in ShopiMind, in the shop's language (else in English)."""

from __future__ import annotations

_STATUS = {
    "de": "Abgeschlossen",
    "en": "Completed",
    "es": "Completado",
    "fr": "Terminée",
    "it": "Completato",
    "nl": "Voltooid",
    "pt": "Concluída",
}
_MISC_PRODUCT = {
    "de": "Diverser Artikel",
    "en": "Miscellaneous item",
    "es": "Artículo varios",
    "fr": "Article divers",
    "it": "Articolo vario",
    "nl": "Divers artikel",
    "pt": "Artigo diverso",
}


def completed_status(lang: str) -> str:
    """The name of the only order status."""
    return _STATUS.get(lang, _STATUS["en"])


def misc_product(lang: str) -> str:
    """The name of the product that stands for lines without one."""
    return _MISC_PRODUCT.get(lang, _MISC_PRODUCT["en"])
