"""The invented words the sample data is made of. No one exists; French phones are of the ranges kept for fiction."""

FIRST_NAMES = (
    "Adèle", "Amine", "Anaïs", "Basile", "Bérénice", "Camille", "Célestin", "Chloé", "Cyprien", "Diane", "Édouard",
    "Élise", "Farid", "Félicie", "Gaëlle", "Gaspard", "Hélène", "Honoré", "Inès", "Ismaël", "Jeanne", "Joachim",
    "Karim", "Léonie", "Loïc", "Maëva", "Marius", "Naïma", "Noémie", "Océane", "Octave", "Prune", "Quentin", "Rania",
    "Rémi", "Salomé", "Siméon", "Solène", "Tanguy", "Théa", "Ulysse", "Victoire", "Yaëlle", "Yanis", "Zélie",
)  # fmt: skip
LAST_NAMES = (
    "Abrivel", "Bastarel", "Beaulorme", "Bréchaud", "Calmonet", "Cazalivet", "Corvanel", "D'Aubrelle", "Delmarin",
    "Duvernay-Sol", "Estaverne", "Ferrandoz", "Fontarelle", "Gaubertin", "Grivault", "Hoarelin", "Hyvernaud",
    "Jaumarel", "Kermadoc", "Lafaverge", "Le Brézidec", "Loubarès", "Malvoisin", "Mirandol", "N'Diamé", "Navarelle",
    "Orvignac", "Payetin", "Pradelou", "Quintarel", "Rivaudon", "Rochambel", "Saint-Alvère", "Sauvageol", "Tarbouret",
    "Tessandier", "Vaucorbel", "Villandrel", "Wagnerel", "Ysambert",
)  # fmt: skip
PHONES = (
    "0639981234", "06 39 98 {n:02d} {m:02d}", "+33 6 39 98 {n:02d} {m:02d}", "0033639 98{n:02d}{m:02d}",
    "06.39.98.{n:02d}.{m:02d}", "06-39-98-{n:02d}-{m:02d}", "+33(0)639 98 {n:02d} {m:02d}", "0199 00 {n:02d} {m:02d}",
    "",
)  # fmt: skip
PHONES_ABROAD = {"REU": "0692 12 {n:02d} {m:02d}", "CHE": "079 123 {n:02d} {m:02d}", "BEL": "0470 12 {n:02d} {m:02d}"}
STREETS = ("rue des Lilas", "place du Marché", "chemin des Vignes", "avenue des Tilleuls", "quai du Canal")
CITIES = {
    "FRA": ("69004", "Lyon"), "REU": ("97400", "Saint-Denis"), "CHE": ("1204", "Genève"), "BEL": ("1050", "Bruxelles"),
}  # fmt: skip

#: (category, article, price, tax id)
ARTICLES = (
    (3, "Marinière col rond", 39.00, 1), (3, "Chemise en lin", 59.00, 1), (3, "Pull côtelé", 74.50, 1),
    (4, "Jupe portefeuille", 49.90, 1), (4, "Pantalon large", 65.00, 1), (5, "Foulard carré", 25.00, 1),
    (5, "Ceinture tressée", 32.00, 1), (5, "Bonnet mérinos", 22.90, 1), (7, "Bougie parfumée", 18.50, 1),
    (7, "Savon d'Alep", 6.90, 1), (7, "Vase soliflore", 27.00, 1), (8, "Torchon jacquard", 12.00, 1),
    (8, "Tablier de cuisine", 34.00, 1), (8, "Bol en grès", 15.00, 1), (10, "Miel de lavande", 8.40, 2),
    (10, "Confiture de figues", 5.60, 2), (10, "Sablés au beurre", 4.95, 2), (11, "Thé noir fumé", 9.80, 2),
    (11, "Infusion verveine", 7.30, 2), (12, "Carnet cousu", 11.50, 1), (12, "Carte illustrée", 3.33, 1),
)  # fmt: skip
VARIANTS = (
    "écru", "bleu nuit", "ocre", "terracotta", "vert sauge", "gris perle", "rayé", "fleuri", "à pois", "rose poudré",
    "noir", "blanc cassé", "moutarde", "bordeaux", "lavande",
)  # fmt: skip
