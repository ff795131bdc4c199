from loco_cli.entry import main

main()
