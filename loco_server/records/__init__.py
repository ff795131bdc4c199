"""What is remembered: tables, migrations, one repository class per noun."""
