from loco_server.entry import main

main()
